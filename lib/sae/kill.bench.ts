/**
 * `npm run bench -- kill [RUNS [FIRST]]`: 50 short runs, each killed with SIGKILL one to three times at random moments and
 * resumed; says whether weights and metrics end the same in all. Exit code 1 when they do not. FIRST (1) leaves runs out.
 */
import { killedRun, unharmedRun } from "./kill-harness";

async function main(): Promise<void> {
  const runs = Number(process.argv[2] ?? 50);
  const first = Number(process.argv[3] ?? 1) - 1;
  const expected = await unharmedRun();
  console.log(`unharmed: ${expected.slice(0, 16)}`);
  let [equal, kills] = [0, 0];
  for (let run = first; run < first + runs; run++) {
    const { killedAt, hash } = await killedRun(run, 1 + (run % 3));
    kills += killedAt.length;
    if (hash === expected) equal++;
    const verdict = hash === expected ? "equal" : "DIFFERENT";
    console.log(`run ${run + 1}: killed about step ${killedAt.join(", ")}; ${hash.slice(0, 16)} ${verdict}`);
  }
  console.log(
    `${equal} of ${runs} runs, killed ${kills} times in all, end with the hash of the unharmed one`,
  );
  if (equal < runs) process.exitCode = 1;
}

main();

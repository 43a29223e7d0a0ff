/** `vitrine setup`: the set-up alone. */
import { setUp } from "./setup/setup.mjs";

export async function run(_argv, paths) {
  const ran = await setUp({ paths });
  if (ran.length === 0) console.log("set-up: everything is in place");
  return 0;
}

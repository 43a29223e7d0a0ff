/** Progress of work in several stages: a line for each, and a word for what was cached. */
import { type Progress, progress } from "./progress";

/** Reports one stage; `cached` says that nothing had to be computed. */
export type StageReporter = (
  stage: string,
  progress: { done: number; total: number; cached: boolean },
) => void;

/** A reporter for `openStudy` and its like: a progress line for each stage that computes, a printed line for each that was cached. */
export function stages(units: Readonly<Record<string, string>> = {}): StageReporter {
  const running = new Map<string, Progress>();
  const finished = new Set<string>();
  return (stage, { done, total, cached }) => {
    if (finished.has(stage)) return;
    if (done === total) finished.add(stage);
    if (cached) {
      if (done === total) console.log(`${stage}: computed before, read from the cache`);
      return;
    }
    let line = running.get(stage);
    if (!line) {
      line = progress({ total, label: stage, unit: units[stage] ?? "pictures", start: done });
      running.set(stage, line);
    }
    line.update(done);
    if (done === total) line.finish();
  };
}

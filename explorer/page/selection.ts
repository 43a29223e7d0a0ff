/** Which features are listed, and in what order. */
import type { FeatureColumns, Manifest } from "../format/page-format";
import type { NoteStore } from "./notes";
import type { State } from "./state";

/** Feature numbers that the state's filters leave, sorted; what is not defined comes last, equals by number. */
export function listed(
  state: State,
  columns: FeatureColumns,
  manifest: Manifest,
  notes: Pick<NoteStore, "of">,
): Int32Array {
  const { text, box, sort, rising, cluster, label, mixed } = state;
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = state;
  const values = sort === "number" ? undefined : columns[sort];
  const isBounded = state.least !== undefined || state.most !== undefined;
  const wanted = text.trim().toLowerCase();
  const names = manifest.labelNames.map((name) => name.toLowerCase().includes(wanted));
  const described = columns.descriptionTexts.map((words) => words.toLowerCase().includes(wanted));
  const noted = (feature: number) => {
    const { description = "", note = "" } = notes.of(feature);
    return `${description}\n${note}`.toLowerCase().includes(wanted);
  };
  const among = manifest.shared ?? Array(manifest.features).keys();
  const kept: number[] = [];
  for (const feature of among) {
    if (cluster !== undefined && columns.cluster[feature] !== cluster) continue;
    if (label !== undefined && columns.label[feature] !== label) continue;
    if (isBounded && values && !(values[feature] >= least && values[feature] <= most)) continue;
    if (mixed && !(columns.entropy[feature] > 0)) continue;
    const isWanted =
      wanted === "" ||
      names[columns.label[feature]] ||
      described[columns.description[feature]] ||
      String(feature) === wanted ||
      noted(feature);
    if (!isWanted) continue;
    if (box) {
      const x = Math.log10(columns.density[feature]);
      const y = Math.log10(columns.meanActivation[feature]);
      if (!(x >= box.left && x <= box.right && y >= box.bottom && y <= box.top)) continue;
    }
    kept.push(feature);
  }
  const order = Int32Array.from(kept);
  const sign = rising ? 1 : -1;
  if (!values) return rising ? order : order.reverse();
  return order.sort((a, b) => {
    const [left, right] = [values[a], values[b]];
    if (Number.isNaN(left) || Number.isNaN(right))
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || a - b;
    return sign * (left - right) || a - b;
  });
}

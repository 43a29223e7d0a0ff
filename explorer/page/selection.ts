/** Which features are listed, and in what order. */
import type { FeatureColumns, Manifest } from "../format";
import type { State } from "./state";

/** Feature numbers that the state's text and box leave, sorted; what is not defined comes last, equals by number. */
export function listed(state: State, columns: FeatureColumns, manifest: Manifest): Int32Array {
  const { text, box, sort, rising } = state;
  const wanted = text.trim().toLowerCase();
  const names = manifest.labelNames.map((name) => name.toLowerCase().includes(wanted));
  const kept: number[] = [];
  for (let feature = 0; feature < manifest.features; feature++) {
    if (wanted !== "" && !names[columns.label[feature]] && String(feature) !== wanted) continue;
    if (box) {
      const x = Math.log10(columns.density[feature]);
      const y = Math.log10(columns.meanActivation[feature]);
      if (!(x >= box.left && x <= box.right && y >= box.bottom && y <= box.top)) continue;
    }
    kept.push(feature);
  }
  const order = Int32Array.from(kept);
  const sign = rising ? 1 : -1;
  if (sort === "number") return rising ? order : order.reverse();
  const values = columns[sort];
  return order.sort((a, b) => {
    const [left, right] = [values[a], values[b]];
    if (Number.isNaN(left) || Number.isNaN(right))
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || a - b;
    return sign * (left - right) || a - b;
  });
}

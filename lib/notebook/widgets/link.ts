/** Keeps the values of two widgets equal. */
import type { Valued } from "./widget";

/** Sets both to the first one's value, and from then on each to the other's; call what is returned to end that. */
export function link<V>(a: Valued<V>, b: Valued<NoInfer<V>>): () => void {
  b.value = a.value;
  const ends = [
    a.onChange((value) => {
      b.value = value;
    }),
    b.onChange((value) => {
      a.value = value;
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

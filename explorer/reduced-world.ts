/** Features and pictures small enough for a test, with a class name and captions that try to be markup. */
import type { PageContents } from "./build-page";

/** Runs if any text of a page is ever read as markup. */
export const HOSTILE = '<img src="https://example.invalid/x" onerror="document.title=\'broken\'"></script>';

const [F, N, TOP, NEIGHBOURS, LENS] = [300, 120, 4, 3, 2];

/** 300 features: f has density (f + 1)/1000 and label f mod 3, the second of which is hostile; the last feature never fires. */
export function reducedWorld(): PageContents {
  const dead = F - 1;
  const perFeature = (value: (feature: number) => number) =>
    Float32Array.from({ length: F }, (_, f) => value(f));
  const perPlace = (width: number, value: (feature: number, place: number) => number) =>
    Array.from({ length: F * width }, (_, i) => value(Math.floor(i / width), i % width));
  return {
    labels: {
      names: ["cat", HOSTILE, "dog\u2028"],
      index: Int32Array.from({ length: N }, (_, row) => row % 3),
    },
    pictures: {
      name: "reduced",
      size: N,
      pictureShape: [8, 8, 3],
      record: (i) => ({ id: `picture-${i}`, caption: `${HOSTILE} ${i}`, labels: {} }),
      // Every picture is one grey of its own.
      pictures: async (rows) => {
        const bytes = new Uint8Array(rows.length * 8 * 8 * 3);
        for (let i = 0; i < rows.length; i++) bytes.fill(2 * rows[i], i * 192, (i + 1) * 192);
        return bytes;
      },
    },
    features: {
      top: TOP,
      neighbours: NEIGHBOURS,
      lens: LENS,
      columns: {
        density: perFeature((f) => (f === dead ? 0 : (f + 1) / 1000)),
        meanActivation: perFeature((f) => (f === dead ? 0 : 1 + ((f * 7) % 50) / 10)),
        entropy: perFeature((f) => (f === dead ? Number.NaN : (f % 20) / 10)),
        mlpCosine: perFeature((f) => ((f * 13) % 100) / 100),
        label: Int32Array.from({ length: F }, (_, f) => (f === dead ? -1 : f % 3)),
        picture: Int32Array.from({ length: F }, (_, f) => (f === dead ? -1 : f % N)),
      },
      details: {
        pictures: Int32Array.from(perPlace(TOP, (f, place) => (f === dead ? -1 : (f + place * 3) % N))),
        activations: Float32Array.from(perPlace(TOP, (f, place) => (f === dead ? 0 : 9 - place))),
        neighbours: Int32Array.from(perPlace(NEIGHBOURS, (f, place) => (f + place + 1) % F)),
        neighbourCosines: Float32Array.from(perPlace(NEIGHBOURS, (_, place) => 0.9 - place / 10)),
        lens: Int32Array.from(perPlace(LENS, (f, place) => (f + place) % 3)),
        lensCosines: Float32Array.from(perPlace(LENS, (_, place) => 0.5 - place / 10)),
      },
    },
    about: {
      title: `reduced ${HOSTILE}`,
      model: "model",
      hookPoint: "blocks.0.hook_resid_post",
      architecture: "topk",
      label: "class",
      prompt: "a {}",
    },
  };
}

/** Features and pictures small enough for a test, with a class name and captions that try to be markup. */
import type { PageContents } from "../build/build-page";

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
      hash: "reduced",
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
      sizes: {
        ...{ top: TOP, neighbours: NEIGHBOURS, lens: LENS, quantiles: 2, perQuantile: 2, heatmaps: 2 },
        ...{ heatmapSide: 2, bins: 6, log2Low: 0, perOctave: 2, width: 3, neurons: 5 },
      },
      neurons: { vectors: Int8Array.from([127, 0, 0, 0, 127, 0, 0, 0, 127, 127, 127, 0, -127, 0, 0]) },
      columns: {
        density: perFeature((f) => (f === dead ? 0 : (f + 1) / 1000)),
        meanActivation: perFeature((f) => (f === dead ? 0 : 1 + ((f * 7) % 50) / 10)),
        entropy: perFeature((f) => (f === dead ? Number.NaN : (f % 20) / 10)),
        mlpCosine: perFeature((f) => ((f * 13) % 100) / 100),
        label: Int32Array.from({ length: F }, (_, f) => (f === dead ? -1 : f % 3)),
        picture: Int32Array.from({ length: F }, (_, f) => (f === dead ? -1 : f % N)),
        cluster: Uint8Array.from({ length: F }, (_, f) => (f === dead ? 0 : 1 + (f % 2))),
        description: Int32Array.from({ length: F }, (_, f) => (f === dead ? -1 : f % 4)),
        descriptionScore: perFeature((f) => (f < 100 ? 0.02 : Number.NaN)),
        descriptionShuffled: perFeature((f) => (f < 100 ? -0.001 : Number.NaN)),
        descriptionTexts: ["red heart", HOSTILE, "whiskers", "blue flag"],
        // A square of features, the first of which are seen from afar.
        atlasX: perFeature((f) => (f === dead ? Number.NaN : ((f % 20) + 0.5) / 20)),
        atlasY: perFeature((f) => (f === dead ? Number.NaN : (Math.floor(f / 20) + 0.5) / 20)),
        atlasLevel: Uint8Array.from({ length: F }, (_, f) => (f === dead ? 255 : f === 0 ? 0 : 3 + (f % 4))),
      },
      details: {
        pictures: Int32Array.from(perPlace(TOP, (f, place) => (f === dead ? -1 : (f + place * 3) % N))),
        activations: Float32Array.from(perPlace(TOP, (f, place) => (f === dead ? 0 : 9 - place))),
        samples: Int32Array.from(perPlace(4, (f, place) => (f === dead ? -1 : (f + place * 5) % N))),
        sampleActivations: Float32Array.from(perPlace(4, (f, place) => (f === dead ? 0 : 8 - 2 * place))),
        histogram: Int32Array.from(perPlace(6, (f, bin) => (f === dead ? 0 : bin * (f + 1)))),
        heatmaps: Uint8Array.from(perPlace(8, (_, cell) => (cell % 4 === 0 ? 255 : 0))),
        sampleHeatmaps: Uint8Array.from(perPlace(16, (_, cell) => (cell % 4 === 3 ? 255 : 0))),
        encoder: Int8Array.from(perPlace(3, (f, d) => (d === f % 3 ? 127 : 0))),
        coFiring: Int32Array.from(
          perPlace(NEIGHBOURS, (f, place) => (place === 2 ? -1 : (f + 7 * (place + 1)) % F)),
        ),
        coFiringShares: Float32Array.from(perPlace(NEIGHBOURS, (_, place) => 0.4 - place / 10)),
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

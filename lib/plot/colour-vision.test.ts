import assert from "node:assert/strict";
import { test } from "node:test";
import { COLOURS } from "./theme";

type Triple = [number, number, number];

/** Linear RGB as it is seen without one kind of cone (Machado, Oliveira and Fernandes, 2009; severity 1.0). */
const SIGHTS: Record<string, [Triple, Triple, Triple]> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const dot = (a: Triple, b: Triple) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const RADIANS = Math.PI / 180;

/** "#rrggbb" as CIELAB under D65, as that sight has it. */
function labOf(hex: string, sight: [Triple, Triple, Triple]): Triple {
  const linear = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as Triple;
  const seen = sight.map((row) => Math.min(1, Math.max(0, dot(row, linear)))) as Triple;
  const f = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  const x = f(dot([0.4124564, 0.3575761, 0.1804375], seen) / 0.95047);
  const y = f(dot([0.2126729, 0.7151522, 0.072175], seen));
  const z = f(dot([0.0193339, 0.119192, 0.9503041], seen) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** CIEDE2000 (Sharma, Wu and Dalal, 2005). */
function distance([l1, a1, b1]: Triple, [l2, a2, b2]: Triple): number {
  const share = (c: number) => Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7));
  const stretch = 1 + 0.5 * (1 - share((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2));
  const [c1, c2] = [Math.hypot(stretch * a1, b1), Math.hypot(stretch * a2, b2)];
  const hue = (a: number, b: number) => (Math.atan2(b, stretch * a) / RADIANS + 360) % 360;
  const [h1, h2] = [hue(a1, b1), hue(a2, b2)];
  const grey = c1 * c2 === 0;
  const turn = grey ? 0 : ((h2 - h1 + 540) % 360) - 180;
  const far = Math.abs(h1 - h2) > 180;
  const h = grey ? h1 + h2 : ((h1 + h2 + (far ? 360 : 0)) / 2) % 360;
  const [l, c] = [(l1 + l2) / 2, (c1 + c2) / 2];
  const cos = (degrees: number) => Math.cos(degrees * RADIANS);
  const t = 1 - 0.17 * cos(h - 30) + 0.24 * cos(2 * h) + 0.32 * cos(3 * h + 6) - 0.2 * cos(4 * h - 63);
  const dl = (l2 - l1) / (1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2));
  const dc = (c2 - c1) / (1 + 0.045 * c);
  const dh = (2 * Math.sqrt(c1 * c2) * Math.sin((turn / 2) * RADIANS)) / (1 + 0.015 * c * t);
  const rotation = -2 * share(c) * Math.sin(60 * Math.exp(-(((h - 275) / 25) ** 2)) * RADIANS);
  return Math.sqrt(dl ** 2 + dc ** 2 + dh ** 2 + rotation * dc * dh);
}

/** Least distance of two of the first `count` colours. */
function least(count: number, sight: [Triple, Triple, Triple]): number {
  const seen = COLOURS.slice(0, count).map((colour) => labOf(colour, sight));
  return Math.min(...seen.flatMap((a, i) => seen.slice(0, i).map((b) => distance(a, b))));
}

test("the distance is CIEDE2000: pairs of its authors' table", () => {
  const pairs: [Triple, Triple, number][] = [
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, -1, 2], [50, 0, 0], 2.3669],
    [[50, 2.5, 0], [58, 24, 15], 19.4535],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ];
  for (const [a, b, wanted] of pairs) assert.ok(Math.abs(distance(a, b) - wanted) < 1e-4, `${a}, ${b}`);
});

test("every colour of a category stands out from white paper and from JupyterLab's dark", () => {
  const luminance = (hex: string) => ((labOf(hex, SIGHTS.normal)[0] + 16) / 116) ** 3;
  for (const colour of COLOURS) {
    for (const paper of ["#ffffff", "#111111"]) {
      const [dark, light] = [luminance(colour), luminance(paper)].sort((a, b) => a - b);
      assert.ok((light + 0.05) / (dark + 0.05) >= 3, `${colour} on ${paper}`);
    }
  }
});

test("the colours of categories differ for whoever sees them", () => {
  for (const [name, sight] of Object.entries(SIGHTS)) {
    assert.ok(least(4, sight) > 17, `${name}, four: ${least(4, sight)}`);
    assert.ok(least(COLOURS.length, sight) > 11, `${name}, all: ${least(COLOURS.length, sight)}`);
  }
});

/** Scales of values, as Plotly takes them: shares from 0 to 1 and their colours. They read on white and on #111. */

/** Sequential scale: Viridis with its darkest end lifted and its lightest cut, which would vanish on one of the two backgrounds. */
export const SEQUENTIAL: [number, string][] = [
  [0, "#5f49a8"],
  [0.2, "#365c8d"],
  [0.4, "#277f8e"],
  [0.6, "#1fa187"],
  [0.8, "#4ac16d"],
  [1, "#c2d923"],
];

/** Diverging scale around a neutral grey. */
export const DIVERGING: [number, string][] = [
  [0, "#2c6fbb"],
  [0.25, "#8fb4d9"],
  [0.5, "#e6e6e6"],
  [0.75, "#e3a183"],
  [1, "#c4501b"],
];

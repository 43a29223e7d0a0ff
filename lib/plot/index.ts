/** Pure functions from plain values to Plotly figures. */
export * from "./bars";
export * from "./colour-scales";
export * from "./figure";
export * from "./figure-csv";
export { isThemed, setTheme, type Theme, withTheme } from "./figure-theme";
export * from "./heatmap";
export {
  type Bins,
  countBins,
  type HistogramOptions,
  histogram,
  type Reference,
  type SparsityHistogramOptions,
  sparsityHistogram,
} from "./histogram";
export * from "./lines";
export * from "./overlaid-histograms";
export * from "./pareto";
export * from "./scatter";
export {
  type Axis,
  COLOURS,
  type FigureText,
  formatCount,
  formatNumber,
} from "./theme";
export * from "./training";

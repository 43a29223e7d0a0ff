/** Measurements: streaming, mergeable, without plots. */
export * from "./collect";
export * from "./density";
export * from "./evaluate";
export * from "./label-entropy";
export * from "./reconstruction";
export * from "./top-examples";

/** Measurements: streaming, mergeable, without plots. */
export * from "./ablation-effect";
export * from "./baselines";
export * from "./clusters";
export * from "./collect";
export * from "./density";
export * from "./directions";
export * from "./evaluate";
export * from "./feature-statistics";
export * from "./label-entropy";
export * from "./logit-lens";
export * from "./neuron-alignment";
export * from "./reconstruction";
export * from "./ridge";
export * from "./splice";
export * from "./study";
export * from "./top-examples";

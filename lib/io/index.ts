export * from "./activation-store";
export * from "./activations";
export * from "./atomic";
export * from "./block-shuffle";
export * from "./cache-folder";
export * from "./images";
export type { RowDtype } from "./row-blocks";
export * from "./safetensors";
export * from "./shards";

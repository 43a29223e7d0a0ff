export * from "./activations";
export * from "./atomic";
export * from "./cache-folder";
export * from "./images";
export * from "./safetensors";
export * from "./shards";

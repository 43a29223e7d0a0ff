/** Sparse autoencoders: architectures, training, run folders, SAELens's format. */
export * from "./buffer";
export * from "./config";
export * from "./decoder-norm";
export * from "./init";
export * from "./locate";
export * from "./member";
export * from "./metrics";
export * from "./options";
export * from "./run-folder";
export * from "./sae";
export * from "./saelens";
export * from "./schedule";
export * from "./source";
export * from "./stopping";
export * from "./stream";
export * from "./torch-layout";
export * from "./trainer";

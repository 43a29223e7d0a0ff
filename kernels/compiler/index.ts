export * from "./bases";
export * from "./client";
export * from "./contract";
export * from "./paths";

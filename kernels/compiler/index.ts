export * from "./bases";
export * from "./client";
export * from "./contract";

export * from "./contract";
export * from "./output-pipe";

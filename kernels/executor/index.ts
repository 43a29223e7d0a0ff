export * from "./contract";
export * from "./output-pipe";
export type { Timing } from "./timing";

export * from "./log";
export * from "./sockets";
export * from "./wire";

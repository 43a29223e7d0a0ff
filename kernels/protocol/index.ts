export * from "./sockets";
export * from "./wire";

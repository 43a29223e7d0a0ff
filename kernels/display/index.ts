export * from "./bundle";
export * from "./hook";
export * from "./tslab";

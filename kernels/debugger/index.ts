export { DebugAdapter } from "./adapter";
export { MainThreadInspector } from "./inspector";

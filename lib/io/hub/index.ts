export * from "./pull";
export { HubError, HubUnreachable } from "./request";
export { type HubSettings, hubSettings } from "./settings";

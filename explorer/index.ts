/** What a notebook's cell imports of the explorer. */
export { explore, type InlineExploreOptions, type InlineExplorer } from "./notebook";

export * from "./dataset";
export * from "./emoji";
export { type EmojiSummary, PICTURE_BYTES, PICTURE_SIZE, type StyleSummary } from "./emoji-index";
export {
  EMOJI_DIR,
  type EmojiProgress,
  isEmojiPrepared,
  type PrepareEmojiOptions,
  prepareEmoji,
} from "./emoji-prepare";
export { EMOJI_STYLES, type EmojiStyle } from "./emoji-sources";
export { DEFAULT_SPLIT, SPLITS, type Split, type SplitOptions } from "./emoji-split";
export { type ImageFolderOptions, imagenetNames, openImageFolder } from "./image-folder";
export * from "./open";
export { openParquet } from "./parquet";
export * from "./read-pictures";
export { StoredDataset, type StoredOptions } from "./stored-dataset";
export * from "./stream";
export { openWebdataset, type WebdatasetOptions } from "./webdataset";

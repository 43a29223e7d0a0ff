/** What a notebook's cell talks to: show, image, table, progress, live curves. */
export * from "./clicked-pictures";
export * from "./display";
export * from "./feature-grid";
export { figureBundle, figurePng, figureText, PLOTLY_MIME } from "./figure-bundle";
export * from "./guess-card";
export * from "./image";
export * from "./inline-frame";
export * from "./interrupt";
export * from "./live-curves";
export { type RawPicture, stopPictures } from "./pictures";
export {
  formatDuration,
  type Progress,
  type ProgressOptions,
  type ProgressValues,
  progress,
} from "./progress";
export type { IterationOptions } from "./progress-iteration";
export * from "./save-figure";
export * from "./show";
export * from "./stages";
export * from "./table";
export * as widgets from "./widgets";
export { type Interaction, type InteractOptions, type InteractTask, interact } from "./widgets/interact";
export type { NumberRange, OptionList, Parameter, ParameterValues } from "./widgets/parameters";

/** Widgets of ipywidgets, shown by JupyterLab's own widget manager; see the README beside this. */
export { type AnyWidget, accordion, gridBox, hbox, tab, vbox } from "./boxes";
export { type Button, button } from "./button";
export {
  boundedFloatText,
  boundedIntText,
  checkbox,
  floatLogSlider,
  floatProgress,
  floatRangeSlider,
  floatSlider,
  floatText,
  html,
  intProgress,
  intRangeSlider,
  intSlider,
  intText,
  label,
  picture,
  textarea,
  textField,
  toggleButton,
} from "./controls";
export { link } from "./link";
export { type CaptureOptions, type Output, output } from "./output";
export { dropdown, radioButtons, type Selection, selectionSlider, toggleButtons } from "./selection";
export { type Control, type Layout, type LayoutOptions, type Valued, Widget } from "./widget";

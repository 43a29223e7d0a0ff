/** The models that widgets look by: the layout, and a style for each family of widgets. */
import type { Kind } from "./model";
import { oneOf, optional, type Traits, text } from "./traits";

const css = () => optional(text());

/** CSS properties of a widget's box, as texts: "400px", "1 1 auto". */
export const layoutKind = {
  name: "Layout",
  module: "base",
  traits: {
    alignContent: css(),
    alignItems: css(),
    alignSelf: css(),
    borderBottom: css(),
    borderLeft: css(),
    borderRight: css(),
    borderTop: css(),
    bottom: css(),
    display: css(),
    flex: css(),
    flexFlow: css(),
    gridArea: css(),
    gridAutoColumns: css(),
    gridAutoFlow: css(),
    gridAutoRows: css(),
    gridColumn: css(),
    gridGap: css(),
    gridRow: css(),
    gridTemplateAreas: css(),
    gridTemplateColumns: css(),
    gridTemplateRows: css(),
    height: css(),
    justifyContent: css(),
    justifyItems: css(),
    left: css(),
    margin: css(),
    maxHeight: css(),
    maxWidth: css(),
    minHeight: css(),
    minWidth: css(),
    objectFit: css(),
    objectPosition: css(),
    order: css(),
    overflow: css(),
    padding: css(),
    right: css(),
    top: css(),
    visibility: optional(oneOf("visible", "hidden", "inherit")),
    width: css(),
  },
} as const satisfies Kind<Traits>;

const described = { descriptionWidth: text() };
const font = {
  fontFamily: css(),
  fontSize: css(),
  fontStyle: css(),
  fontVariant: css(),
  fontWeight: css(),
  textColor: css(),
  textDecoration: css(),
};

function style<T extends Traits>(name: string, traits: T): Kind<T> {
  return { name, viewModule: "base", view: "StyleView", traits };
}

export const descriptionStyle = style("DescriptionStyle", described);
export const sliderStyle = style("SliderStyle", { ...described, handleColor: css() });
export const progressStyle = style("ProgressStyle", { ...described, barColor: css() });
export const checkboxStyle = style("CheckboxStyle", { ...described, background: css() });
export const textStyle = style("TextStyle", {
  ...described,
  background: css(),
  fontSize: css(),
  textColor: css(),
});
export const htmlStyle = style("HTMLStyle", textStyle.traits);
export const labelStyle = style("LabelStyle", { ...described, ...font, background: css() });
export const buttonStyle = style("ButtonStyle", { ...font, buttonColor: css() });
export const toggleButtonStyle = style("ToggleButtonStyle", { ...described, ...font });
export const toggleButtonsStyle = style("ToggleButtonsStyle", {
  ...described,
  buttonWidth: text(),
  fontWeight: text(),
});

/** Curves of a training run: an SAE's loss terms, sparsity and dead features; CLIP's loss and held-out accuracy. */
import type { PlotlyFigure, Values } from "./figure";
import { type Panel, type Series, smallMultiples } from "./lines";
import { type FigureText, formatNumber } from "./theme";

export interface TrainingCurvesOptions extends Partial<FigureText> {
  /** Training step of each point. */
  steps: Values;
  /** Loss terms by name (for example mse, l1, ghost), one value a step, in the loss's own unit. */
  terms: Record<string, Values>;
  /** Mean number of active features per token. */
  l0?: Values;
  /** Number of dead features. */
  dead?: Values;
  /** Explained variance or FVU by name, as shares (1 = all). */
  shares?: Record<string, Values>;
  /** Scale of the loss panel; default "log". */
  lossScale?: "linear" | "log";
  /** Scale of the L0 panel; default "linear". */
  l0Scale?: "linear" | "log";
}

function named(steps: Values, values: Record<string, Values>): Series[] {
  return Object.entries(values).map(([name, y]) => ({ name, x: steps, y }));
}

/** An SAE's training at a glance: loss terms, then L0, dead features and shares, each in its panel over the step. */
export function trainingCurves(options: TrainingCurvesOptions): PlotlyFigure {
  const { steps, terms, l0, dead, shares, lossScale = "log", l0Scale = "linear", ...text } = options;
  const panels: Panel[] = [
    {
      y: { title: "loss terms", unit: "squared error per norm", scale: lossScale },
      series: named(steps, terms),
    },
  ];
  const add = (y: Panel["y"], values: Record<string, Values>) =>
    panels.push({ y, series: named(steps, values) });
  if (l0) add({ title: "L0", unit: "active features per token", scale: l0Scale }, { L0: l0 });
  if (dead) add({ title: "dead features", unit: "count", fromZero: true }, { dead });
  if (shares) add({ title: "explained variance", unit: "share" }, shares);
  return smallMultiples({
    title: "SAE training",
    ...text,
    x: { title: "training step", unit: "batches" },
    panels,
  });
}

export interface LearningCurveOptions extends Partial<FigureText> {
  /** Training loss, one point a logged step. */
  loss: { steps: Values; values: Values; unit?: string };
  /** Held-out accuracies as shares 0..1, one point an evaluation. */
  heldOut: { steps: Values; top1: Values; top5?: Values };
}

/** CLIP's learning curve: training loss above, held-out zero-shot top-1 and top-5 accuracy below. */
export function learningCurve({ loss, heldOut, ...text }: LearningCurveOptions): PlotlyFigure {
  const accuracies: Record<string, Values> = {
    "top-1": heldOut.top1,
    ...(heldOut.top5 && { "top-5": heldOut.top5 }),
  };
  const last = Object.entries(accuracies).map(([name, values]) => {
    const value = values[values.length - 1];
    return `${name} ${value === undefined ? "not measured" : `${formatNumber(100 * value)}%`}`;
  });
  return smallMultiples({
    title: "CLIP training",
    subtitle: `held-out zero-shot accuracy at the end: ${last.join(", ")}`,
    panelHeight: 200,
    ...text,
    x: { title: "training step", unit: "batches" },
    panels: [
      {
        y: { title: "contrastive loss", unit: loss.unit ?? "nats" },
        series: [{ name: "training loss", x: loss.steps, y: loss.values }],
      },
      {
        y: { title: "held-out accuracy", unit: "share of pictures", tickFormat: ".0%", fromZero: true },
        series: named(heldOut.steps, accuracies),
      },
    ],
  });
}

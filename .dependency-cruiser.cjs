/** The direction of imports: tensor <- io <- {datasets, clip, sae} <- analysis; plot holds no tensor; lib and kernels apart. */

/** A folder of lib and the only other folders of lib that its files may import. */
const lib = {
  tensor: [],
  io: ["tensor"],
  datasets: ["tensor", "io"],
  clip: ["tensor", "io", "datasets"],
  sae: ["tensor", "io", "datasets"],
  analysis: ["tensor", "io", "datasets", "clip", "sae"],
  plot: [],
  notebook: ["tensor", "io", "datasets", "plot"],
};

const arrows = Object.entries(lib).map(([folder, allowed]) => ({
  name: `${folder}-imports-${allowed.join("-") || "nothing"}`,
  comment: `lib/${folder} may import ${allowed.map((name) => `lib/${name}`).join(", ") || "no other folder of lib"}.`,
  severity: "error",
  from: { path: `^lib/${folder}/`, pathNot: "[.](test|bench)[.]ts$" },
  to: { path: "^lib/", pathNot: [folder, ...allowed].map((name) => `^lib/${name}/`) },
}));

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: "clip-and-sae-apart",
      comment: "The hook point is the seam between a model and its SAEs; tests keep to it as well.",
      severity: "error",
      from: { path: "^lib/(clip|sae)/" },
      to: { path: "^lib/(clip|sae)/", pathNot: "^lib/$1/" },
    },
    {
      name: "plot-holds-no-tensor",
      comment: "lib/plot turns values into figures.",
      severity: "error",
      from: { path: "^lib/plot/" },
      to: { path: "(^lib/(tensor|io|datasets|clip|sae|analysis)/|node_modules/(@tensorflow|danfojs))" },
    },
    {
      name: "one-door-to-tensorflow",
      comment: "Only lib/tensor loads TensorFlow; others may name its types.",
      severity: "error",
      from: { path: "^(lib|kernels|cli|data|explorer)/", pathNot: "^lib/tensor/" },
      to: { path: "node_modules/@tensorflow/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "lib-knows-no-kernel",
      comment: "The seam between lib and the kernel is Symbol.for('Jupyter.display').",
      severity: "error",
      from: { path: "^lib/" },
      to: { path: "^(kernels|cli|notebooks|explorer)/" },
    },
    {
      name: "kernel-knows-no-lib",
      comment: "Tests of the kernel may: cells import lib, and a test has to say what they should get.",
      severity: "error",
      from: { path: "^kernels/", pathNot: "[.]test[.]ts$" },
      to: { path: "^(lib|cli|notebooks|data|explorer)/" },
    },
    {
      name: "set-up-needs-no-package",
      comment: "cli's plain JavaScript runs on a fresh clone, before any package is there.",
      severity: "error",
      from: { path: "^cli/.*[.]mjs$", pathNot: "[.]test[.]mjs$" },
      // The one file says, in plain JavaScript, what the kernel is made of.
      to: { path: "(node_modules|^lib/|^kernels/|[.]ts$)", pathNot: "^kernels/start/prepared[.]js$" },
    },
    {
      name: "page-runs-in-a-browser",
      comment:
        "The explorer's page shares only the formats with what builds it, and the figures' colours with lib/plot.",
      severity: "error",
      from: { path: "^explorer/page/" },
      to: {
        pathNot: "^(explorer/(page/|format/(page|picture|live)-format[.]ts$)|lib/plot/colour-scales[.]ts$)",
      },
    },
    {
      name: "explorer-knows-no-kernel",
      comment: "The explorer stands on lib; commands start it.",
      severity: "error",
      from: { path: "^explorer/", pathNot: "[.](test|bench)[.]ts$" },
      to: { path: "^(kernels|cli|notebooks)/" },
    },
    {
      name: "bench-is-for-benches",
      comment: "What benchmarks share is no part of the product.",
      severity: "error",
      from: {
        path: "^(lib|kernels|cli|data|explorer)/",
        pathNot: "([.]bench[.]ts$|^kernels/comparison/|^explorer/bench/)",
      },
      to: { path: "^bench/" },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-missing-modules",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(fixtures|prepared|rendered|run)/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    moduleSystems: ["es6", "cjs"],
    skipAnalysisNotInRules: true,
    enhancedResolveOptions: {
      extensions: [".ts", ".mjs", ".js", ".cjs", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};

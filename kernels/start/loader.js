// Makes `require` load TypeScript in this thread (tsx's CommonJS hook), with the project's tsconfig.json and source maps.

const path = require("node:path");
const { pathToFileURL } = require("node:url");

exports.useTypeScript = (root) => {
  process.env.TSX_TSCONFIG_PATH ??= path.join(root, "tsconfig.json");
  require("tsx/cjs/api").register();
  process.setSourceMapsEnabled(true);
  Error.stackTraceLimit = 30;
};

/** Node's own `import`, which can wait for a module; here because TypeScript's output would call `require`. */
exports.importModule = (fileName) => import(pathToFileURL(fileName).href);

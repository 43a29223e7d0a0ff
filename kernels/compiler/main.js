// The compiler's process from its sources, where no snapshot is prepared: `node kernels/compiler/main.js ROOT NOTEBOOK_DIR`.
const path = require("node:path");
require("../start/loader.js").useTypeScript(path.resolve(__dirname, "../.."));
require("./process.ts");

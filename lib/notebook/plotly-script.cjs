/** Plotly's code made small, for pages that need no network. Plain JavaScript: commands that read no TypeScript use it too. */
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");

/**
 * Made once a version and kept in .vitrine/share; nothing in it ends a script element.
 * @returns {string}
 */
exports.plotlyScript = () => {
  const { version } = require("plotly.js-dist/package.json");
  const small = join(__dirname, "..", "..", ".vitrine", "share", `plotly-${version}.js`);
  if (!existsSync(small)) {
    const { outputFiles } = require("esbuild").buildSync({
      entryPoints: [require.resolve("plotly.js-dist")],
      minify: true,
      legalComments: "inline",
      charset: "ascii",
      write: false,
    });
    const partial = `${small}.${process.pid}.tmp`;
    mkdirSync(dirname(small), { recursive: true });
    writeFileSync(partial, outputFiles[0].text.replaceAll("</script", "<\\/script"));
    renameSync(partial, small);
  }
  return readFileSync(small, "utf8");
};

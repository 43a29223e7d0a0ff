/** Jupyter as the project runs it: its Python, and an environment that keeps every file inside of the clone. */
import { join } from "node:path";
import { cleanEnvironment } from "./setup/child.mjs";

/** Environment for anything of Jupyter's: a person's own configuration neither disturbs nor is touched. */
export function jupyterEnvironment(paths) {
  const at = (...parts) => join(paths.jupyter, ...parts);
  const env = cleanEnvironment({
    JUPYTER_CONFIG_DIR: at("config"),
    JUPYTER_DATA_DIR: at("data"),
    JUPYTER_RUNTIME_DIR: at("runtime"),
    JUPYTERLAB_SETTINGS_DIR: at("lab", "user-settings"),
    JUPYTERLAB_WORKSPACES_DIR: at("lab", "workspaces"),
    IPYTHONDIR: at("ipython"),
    JUPYTER_PREFER_ENV_PATH: "1",
    PYTHONNOUSERSITE: "1",
  });
  for (const name of ["JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "JUPYTER_TOKEN"]) delete env[name];
  return env;
}

/**
 * Arguments of `python` that start JupyterLab on loopback, with its token, offering this kernel alone.
 * @param {import("./setup/paths.mjs").Paths} paths
 * @param {{ port?: number, browser: boolean, open: string }} options `open`: what to show first, relative to the root
 */
export function labArguments(paths, { port, browser, open }) {
  return [
    ...["-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", `--ServerApp.root_dir=${paths.root}`],
    ...(port === undefined ? [] : [`--ServerApp.port=${port}`, "--ServerApp.port_retries=0"]),
    ...(browser ? [] : ["--no-browser"]),
    ...(process.getuid?.() === 0 ? ["--allow-root"] : []),
    `--LabApp.default_url=/lab/tree/${open}`,
    "--LabApp.extension_manager=readonly",
    "--MultiKernelManager.default_kernel_name=vitrine",
    "--KernelSpecManager.ensure_native_kernel=False",
    "--KernelSpecManager.allowed_kernelspecs=vitrine",
    ...["--ServerApp.answer_yes=True", "--log-level=WARN"],
  ];
}

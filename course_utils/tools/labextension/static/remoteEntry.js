// What JupyterLab leaves out, as a prebuilt extension by hand (https://jupyterlab.readthedocs.io, "Federated extensions"):
// 1. A figure's alternative text, which the metadata of its output carry, reaches the page, and with it a screen reader.
// 2. A slider is called what stands before it.
// 3. Sliders run in RISE's slides (jupyterlab-contrib/rise, issue 119). ipywidgets imports two parts of JupyterLab that
//    RISE's page leaves out, only to ask whether they are there; their names are supplied where they are missing.
const NAME = "seven-weeks-of-spikes";
const MISSING = { "@jupyterlab/console": "IConsoleTracker", "@jupyterlab/logconsole": "ILoggerRegistry" };
let shared;
const part = async (name) => (await Object.values(shared[name])[0].get())();

function describeFigures(rendermime) {
  const plain = rendermime.getFactory("image/png");
  const createRenderer = (options) => {
    const renderer = plain.createRenderer(options), render = renderer.renderModel.bind(renderer);
    renderer.renderModel = async (model) => {
      await render(model);
      renderer.node.querySelector("img")?.setAttribute("alt", model.metadata["image/png"]?.alt ?? "");
    };
    return renderer;
  };
  rendermime.addFactory({ ...plain, createRenderer }, plain.defaultRank - 1);
}

function nameSliders() {
  for (const handle of document.querySelectorAll(".widget-inline-hbox .noUi-handle:not([aria-label])")) {
    const name = handle.closest(".widget-inline-hbox").querySelector(".widget-label")?.textContent;
    if (name) handle.setAttribute("aria-label", name);
  }
}

(globalThis._JUPYTERLAB ??= {})[NAME] = {
  init(scope) {
    shared = scope;
    const module = (name, token) => async () => {
      const { Token } = await part("@lumino/coreutils");
      return () => ({ [token]: new Token(`${name}:${token}`) });
    };
    for (const [name, token] of Object.entries(MISSING)) {
      scope[name] ??= { "4.0.0": { from: NAME, eager: false, get: module(name, token) } };
    }
  },
  get: async () => {
    const { IRenderMimeRegistry } = await part("@jupyterlab/rendermime");
    const activate = (_, rendermime) => {
      describeFigures(rendermime);
      new MutationObserver(nameSliders).observe(document.body, { childList: true, subtree: true });
    };
    const plugin = { id: `${NAME}:plugin`, autoStart: true, requires: [IRenderMimeRegistry], activate };
    return () => ({ __esModule: true, default: plugin });
  },
};

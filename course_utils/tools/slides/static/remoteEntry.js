// Lets sliders run in RISE's slides (jupyterlab-contrib/rise, issue 119). ipywidgets imports two parts of JupyterLab
// that RISE's page leaves out, only to ask whether they are there. This supplies their names where they are missing;
// in JupyterLab itself it does nothing. A prebuilt extension by hand: https://jupyterlab.readthedocs.io, "Federated extensions".
const NAME = "seven-weeks-of-spikes-slides";
const MISSING = { "@jupyterlab/console": "IConsoleTracker", "@jupyterlab/logconsole": "ILoggerRegistry" };

(globalThis._JUPYTERLAB ??= {})[NAME] = {
  init(scope) {
    const lumino = Object.values(scope["@lumino/coreutils"])[0];
    const module = (name, token) => async () => {
      const { Token } = (await lumino.get())();
      return () => ({ [token]: new Token(`${name}:${token}`) });
    };
    for (const [name, token] of Object.entries(MISSING)) {
      scope[name] ??= { "4.0.0": { from: NAME, eager: false, get: module(name, token) } };
    }
  },
  get: async () => () => ({ __esModule: true, default: [] }),
};

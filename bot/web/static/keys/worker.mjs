/** The bench in a worker: long computations do not stop the page. One message in, one message out. */

import { run } from "./bench.mjs";

self.addEventListener("message", async ({ data: { id, name, parameters } }) => {
  self.postMessage({ id, ...(await run(name, parameters)) });
});

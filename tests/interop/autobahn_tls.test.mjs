// The cases of autobahn.test.mjs once more, over TLS: records cut frames elsewhere than segments do.
// SPDX-License-Identifier: MIT
process.env.CONFORMANCE_OVER = "tls";
await import("./autobahn.test.mjs");

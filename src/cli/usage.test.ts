import { expect, test } from "vitest";
import type { Usage } from "../schema/index.ts";
import type { Screen } from "./format.ts";
import { renderUsage } from "./usage.ts";

const SCREEN: Screen = { wide: false, columns: 60, unicode: false, paint: (_, text) => text };

const USAGE: Usage = {
  revision: 9,
  networks: [
    {
      network: "main",
      hosts: { used: 2, capacity: 255 },
      tenants: { used: 2, capacity: 255 },
      endpoints: { used: 18, capacity: 90 },
    },
  ],
  hosts: [
    { host: "host-1", endpoints: { used: 16, capacity: 45 } },
    { host: "host-2", endpoints: { used: 2, capacity: 45 } },
  ],
  tenants: [
    {
      tenant: "one",
      id: 1,
      quota: 20,
      codes: { used: 2, capacity: 16 },
      endpoints: { used: 17, capacity: 60 },
      segments: [
        {
          segment: "web",
          codes: [{ code: 1, extraBits: 0 }],
          endpoints: { used: 17, capacity: 30 },
          fullest: { used: 15, capacity: 15, host: "host-1", network: "main" },
        },
        { segment: "db", codes: [{ code: 2, extraBits: 0 }], endpoints: { used: 0, capacity: 30 } },
      ],
    },
  ],
};

test("renderUsage() draws a bar on every level, without unicode too", () => {
  expect(renderUsage(SCREEN, USAGE)).toBe(
    [
      "Networks",
      "NAME  LEVEL      USED   OF  SHARE",
      "main  hosts         2  255   <1 %  #................",
      "main  tenants       2  255   <1 %  #................",
      "main  endpoints    18   90   20 %  ###..............",
      "",
      "Hosts",
      "NAME    USED  OF  SHARE",
      "host-1    16  45   36 %  #######.............",
      "host-2     2  45    4 %  #...................",
      "",
      "Tenants",
      "NAME  LIMIT  USED  OF  SHARE",
      "one   quota    17  20   85 %  ##################...",
      "",
      "Segments, each on the host where it is fullest",
      "NAME     WHERE      USED  OF  SHARE",
      "one/web  on host-1    15  15  100 %  ##############",
      "one/db   -             0  30    0 %  ..............",
    ].join("\n"),
  );
});

import { type CONTRACT, encodeWorkloadResource, type ResultOf } from "../../schema/index.ts";
import type { Noun } from "../command.ts";
import { wrongInput } from "../input.ts";
import {
  changeOptions,
  DRY_RUN_OPTION,
  deleteCommand,
  dryRunQuery,
  listAll,
  listResult,
  outcomeResult,
  REVISION_OPTION,
  type Resource,
  showResult,
} from "../resource.ts";
import { patchOf, segmentName } from "../words.ts";

const WORKLOAD: Resource<ResultOf<typeof CONTRACT.getWorkload>> = {
  noun: "workload",
  columns: [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "tenant", value: ({ tenant }) => tenant },
    { title: "segment", value: ({ segment }) => segment },
    { title: "acts as", value: ({ actsAs }) => actsAs },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (workload) => encodeWorkloadResource(workload, workload.revision),
};

/** `romana workload`. */
export const workload: Noun = {
  name: "workload",
  summary: "What an orchestrator is about to run: whose it will be, before it has an address",
  connection: "romanad",
  commands: [
    {
      verb: "put",
      summary: "Write a workload; its endpoints act from now on as it says",
      arguments: [{ name: "id", summary: "The orchestrator's identifier", complete: "workload" }],
      options: [
        { name: "segment", value: "TENANT/SEGMENT", summary: "Where it is born", complete: "segment" },
        { name: "acts-as", value: "SEGMENT", summary: "The segment of its tenant that policies take it for" },
        { name: "name", value: "TEXT", summary: "What its endpoint is called, if no other one is" },
        REVISION_OPTION,
      ],
      examples: [
        "romana workload put 6f1c2a9e --segment shop/web --name web-1.shop",
        "romana workload put 6f1c2a9e --segment shop/web --acts-as db",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const born = input.text("segment");
        if (born === undefined) throw wrongInput("--segment", "is missing");
        const { status, result } = await client.callWithStatus(
          "putWorkload",
          {
            params: { workload: input.argument("id") },
            body: {
              ...segmentName(born),
              ...patchOf({ actsAs: input.text("acts-as"), name: input.text("name") }),
            },
          },
          changeOptions(input),
        );
        return outcomeResult(WORKLOAD, [{ ...(status === 201 && { status }), object: result }], true);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the workloads",
      options: [
        { name: "tenant", value: "TENANT", summary: "Only those of this tenant", complete: "tenant" },
      ],
      examples: ["romana workload list", "romana workload list --tenant shop -o json"],
      run: async (input, context) => {
        const client = await context.client();
        const filter = patchOf({ tenant: input.text("tenant") });
        const items = await listAll((page) =>
          client.call("listWorkloads", { query: { ...filter, ...page } }),
        );
        return listResult(WORKLOAD, items);
      },
    },
    {
      verb: "show",
      summary: "Show a workload",
      arguments: [{ name: "id", summary: "The orchestrator's identifier", complete: "workload" }],
      examples: ["romana workload show 6f1c2a9e"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { workload: input.argument("id") };
        return showResult(WORKLOAD, await client.call("getWorkload", { params }));
      },
    },
    deleteCommand(
      "workload",
      "workload",
      [DRY_RUN_OPTION],
      ["romana workload delete 6f1c2a9e"],
      (client, id, input) =>
        client.call(
          "deleteWorkload",
          { params: { workload: id }, query: dryRunQuery(input) },
          changeOptions(input),
        ),
    ),
  ],
};

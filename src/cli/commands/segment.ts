import { formatSegmentCode } from "../../addressing/index.ts";
import { type BodyOf, type CONTRACT, encodeSegment, type ResultOf } from "../../schema/index.ts";
import type { Input, Noun, Option } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { wrongInput } from "../input.ts";
import {
  LABEL_OPTION,
  labelsColumn,
  labelsOf,
  NO_LABELS_OPTION,
  PORT_OPTION,
  portsOf,
  portsText,
} from "../labels.ts";
import {
  changeOptions,
  DELETE_OPTIONS,
  deleteCommand,
  deleteQuery,
  FILE_OPTION,
  listAll,
  listResult,
  outcomeResult,
  REVISION_OPTION,
  type Resource,
  showResult,
} from "../resource.ts";
import { patchOf, segmentName } from "../words.ts";

type SegmentResource = ResultOf<typeof CONTRACT.getSegment>;

/** A segment with the number of endpoints of other segments that act as members of it. */
type SegmentRow = SegmentResource & { readonly exceptions: number };

const SEGMENT: Resource<SegmentResource> = {
  noun: "segment",
  columns: [
    { title: "tenant", value: ({ tenant }) => tenant },
    { title: "name", value: ({ name }) => name },
    { title: "codes", value: ({ codes }) => codes.map(formatSegmentCode).join(", ") },
    { title: "ports", value: ({ ports = [] }) => portsText(ports), wide: true },
    labelsColumn(),
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (segment) => ({ ...encodeSegment(segment), revision: segment.revision }),
};

const SEGMENT_ROW: Resource<SegmentRow> = {
  ...SEGMENT,
  columns: [
    ...SEGMENT.columns,
    { title: "exceptions", value: ({ exceptions }) => exceptions, align: "right" },
  ],
  encode: (segment) => ({ ...(SEGMENT.encode(segment) as object), exceptions: segment.exceptions }),
};

const EXTERNAL_ID: Option = {
  name: "external-id",
  value: "TEXT",
  summary: "Its identifier in the orchestrator",
};

/** A segment of a file: the body of the API with the tenant beside it. */
type SegmentDocument = BodyOf<typeof CONTRACT.createSegment> & { tenant: string };

/** `romana segment`. */
export const segment: Noun = {
  name: "segment",
  summary: "Microservices inside a tenant: their codes, labels and ports",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      summary: "Create a segment, or those of a file",
      arguments: [{ name: "segment", summary: "TENANT/SEGMENT", optional: true }],
      options: [
        {
          name: "code",
          value: "CODE",
          many: true,
          summary: "A code of its own, such as 5 or 5+2; one is assigned when left out",
        },
        { name: "no-codes", summary: "None: nobody is born in it, endpoints only act as it" },
        EXTERNAL_ID,
        LABEL_OPTION,
        PORT_OPTION,
        FILE_OPTION,
      ],
      examples: [
        "romana segment create shop/web",
        "romana segment create shop/db --code 2 --code 8+1",
        "romana segment create shop/api --label app=api --port http=tcp/8080",
        "romana segment create shop/web-canary --no-codes --label app=web --label track=canary",
        "romana segment create -f segments.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const { bodies, single } = bodiesOf<SegmentDocument>(input, "segment", (text) => {
          const { tenant, segment: name } = segmentName(text);
          const codes = codesOf(input);
          const externalId = input.text("external-id");
          return {
            tenant,
            name,
            ...patchOf({
              codes,
              externalId,
              labels: labelsOf(input),
              ports: portsOf(input),
            }),
          };
        });
        const outcomes = [];
        for (const document of bodies) {
          const { tenant, body } = splitDocument(document);
          const { status, result } = await client.callWithStatus("createSegment", {
            params: { tenant },
            body,
          });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(SEGMENT, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the segments of a tenant, or of all; exceptions are endpoints that act as one",
      options: [
        { name: "tenant", value: "TENANT", summary: "Only the segments of this one", complete: "tenant" },
      ],
      examples: ["romana segment list", "romana segment list --tenant shop"],
      run: async (input, context) => {
        const client = await context.client();
        const tenant = input.text("tenant");
        const items = await listAll((query) =>
          tenant === undefined
            ? client.call("listAllSegments", { query })
            : client.call("listSegments", { params: { tenant }, query }),
        );
        const exceptions = await listAll((query) => client.call("listExceptions", { query }));
        const rows = items.map((item) => ({
          ...item,
          exceptions: exceptions.filter((one) => one.tenant === item.tenant && one.segment === item.name)
            .length,
        }));
        return listResult(SEGMENT_ROW, rows);
      },
    },
    {
      verb: "show",
      summary: "Show a segment",
      arguments: [{ name: "segment", summary: "TENANT/SEGMENT", complete: "segment" }],
      examples: ["romana segment show shop/web"],
      run: async (input, context) => {
        const client = await context.client();
        const params = segmentName(input.argument("segment"));
        return showResult(SEGMENT, await client.call("getSegment", { params }));
      },
    },
    {
      verb: "update",
      summary: "Change codes, external ID, labels or ports of a segment",
      arguments: [{ name: "segment", summary: "TENANT/SEGMENT", complete: "segment" }],
      options: [
        { name: "add-code", value: "CODE", many: true, summary: "Another code" },
        { name: "remove-code", value: "CODE", many: true, summary: "A code that no endpoint uses" },
        EXTERNAL_ID,
        { name: "no-external-id", summary: "Take the external ID away" },
        LABEL_OPTION,
        NO_LABELS_OPTION,
        PORT_OPTION,
        { name: "no-ports", summary: "Take all ports away" },
        REVISION_OPTION,
      ],
      examples: [
        "romana segment update shop/web --add-code 3",
        "romana segment update shop/db --remove-code 8+1 --external-id db",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const params = segmentName(input.argument("segment"));
        const before = await client.call("getSegment", { params });
        const body = patchOf({
          codes: changedCodes(before, input.list("add-code"), input.list("remove-code")),
          externalId: input.flag("no-external-id") ? null : input.text("external-id"),
          labels: labelsOf(input, true),
          ports: portsOf(input) ?? (input.flag("no-ports") ? [] : undefined),
        });
        // The new list of codes is made from the one that was read, so it must still be that one.
        const ifMatch = input.integer("revision") ?? before.revision;
        const object = await client.call("updateSegment", { params, body }, { ifMatch });
        return outcomeResult(SEGMENT, [{ object }], true);
      },
    },
    deleteCommand(
      "segment",
      "segment",
      DELETE_OPTIONS,
      ["romana segment delete shop/web", "romana segment delete shop/web --cascade --dry-run"],
      (client, name, input) =>
        client.call(
          "deleteSegment",
          { params: segmentName(name), query: deleteQuery(input) },
          changeOptions(input),
        ),
    ),
  ],
};

/** The codes of a new segment; undefined when one is to be assigned. */
function codesOf(input: Input): string[] | undefined {
  const codes = [...input.list("code")];
  if (!input.flag("no-codes")) return codes.length > 0 ? codes : undefined;
  if (codes.length > 0) throw wrongInput("--no-codes", "cannot be given with --code");
  return [];
}

function splitDocument(document: unknown): { tenant: string; body: BodyOf<typeof CONTRACT.createSegment> } {
  const { tenant, ...body } = (document ?? {}) as Partial<SegmentDocument>;
  if (typeof tenant !== "string") throw wrongInput("tenant", "is missing in a document of a segment");
  return { tenant, body: body as BodyOf<typeof CONTRACT.createSegment> };
}

/** The codes that the segment shall have; undefined when they stay. */
function changedCodes(
  { codes }: SegmentResource,
  add: readonly string[],
  remove: readonly string[],
): string[] | undefined {
  if (add.length === 0 && remove.length === 0) return undefined;
  const present = codes.map(formatSegmentCode);
  const missing = remove.find((code) => !present.includes(code));
  if (missing !== undefined) {
    throw wrongInput("--remove-code", `the segment has no code ${missing}; it has ${present.join(", ")}`);
  }
  return [
    ...present.filter((code) => !remove.includes(code)),
    ...add.filter((code) => !present.includes(code)),
  ];
}

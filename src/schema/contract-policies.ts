import { z } from "zod";
import { strict } from "./decode.ts";
import { deletionSchema } from "./deletion.ts";
import { policyIdSchema } from "./policy.ts";
import {
  exceptionResourceSchema,
  policyApplicationSchema,
  policyChangesSchema,
  policyDetailsSchema,
  policyInputSchema,
  policyQuerySchema,
  policyTrialSchema,
} from "./policy-api.ts";
import { pageQuerySchema, releaseQuerySchema } from "./query.ts";
import { creation, deletion, listing, type RouteContract, reading } from "./route-contract.ts";
import { allCountersSchema, policyCountersSchema } from "./status.ts";

const policyParams = strict({ policy: policyIdSchema });
const trialParams = strict({ trial: z.string().min(1).max(64) });

/** Operations on policies, their trials and counters, and on exceptions. */
export const POLICY_OPERATIONS = {
  listPolicies: listing(policyDetailsSchema, {
    path: "/v1/policies",
    tag: "policies",
    summary: "List the policies",
    query: pageQuerySchema,
  }),
  createPolicy: creation({
    path: "/v1/policies",
    tag: "policies",
    summary: "Create a policy",
    query: policyQuerySchema,
    body: policyInputSchema,
    response: policyDetailsSchema,
    errors: ["conflict", "aborted"],
  }),
  getPolicy: reading({
    path: "/v1/policies/:policy",
    tag: "policies",
    summary: "Show a policy",
    params: policyParams,
    response: policyDetailsSchema,
    revision: "etag",
  }),
  replacePolicy: {
    method: "PUT",
    path: "/v1/policies/:policy",
    tag: "policies",
    summary: "Replace a policy",
    params: policyParams,
    query: policyQuerySchema,
    body: policyInputSchema,
    response: policyDetailsSchema,
    statuses: { 200: "Done" },
    errors: ["not-found", "revision-mismatch", "aborted"],
    revision: "if-match",
  },
  deletePolicy: deletion({
    path: "/v1/policies/:policy",
    tag: "policies",
    summary: "Delete a policy",
    params: policyParams,
    query: releaseQuerySchema,
    response: deletionSchema,
    errors: ["not-found", "revision-mismatch", "aborted"],
  }),
  getPolicyCounters: reading({
    path: "/v1/policies/:policy/counters",
    tag: "policies",
    summary: "Show what the rules of a policy have decided on all hosts",
    params: policyParams,
    response: policyCountersSchema,
  }),
  getCounters: reading({
    path: "/v1/policy-counters",
    tag: "policies",
    summary: "Show what the rules of all policies have decided, and what was dropped",
    response: allCountersSchema,
    errors: [],
  }),
  applyPolicies: {
    method: "POST",
    path: "/v1/policy-changes",
    tag: "policies",
    summary: "Make several policies as given, all or none, perhaps on trial",
    body: policyApplicationSchema,
    response: policyChangesSchema,
    statuses: { 200: "Done" },
    errors: ["aborted"],
  },
  listPolicyTrials: reading({
    path: "/v1/policy-trials",
    tag: "policies",
    summary: "List the changes of policies that wait for a confirmation",
    response: strict({ items: z.array(policyTrialSchema) }),
    errors: [],
  }),
  confirmPolicyTrial: {
    method: "POST",
    path: "/v1/policy-trials/:trial/confirm",
    tag: "policies",
    summary: "Confirm changes of policies, so that they stay",
    params: trialParams,
    response: policyTrialSchema,
    statuses: { 200: "Done" },
    errors: ["not-found", "aborted"],
  },
  listExceptions: listing(exceptionResourceSchema, {
    path: "/v1/exceptions",
    tag: "policies",
    summary: "List the endpoints that act as another segment",
    query: pageQuerySchema,
  }),
} as const satisfies Record<string, RouteContract>;

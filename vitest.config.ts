import { defineConfig } from "vitest/config";

/**
 * Five projects: `unit` needs nothing, `mutation` runs unit tests on copies with mistakes, `kernel` and `e2e` need root
 * and make their own network namespaces, `kubernetes` starts real clusters in namespaces. Files of the last three run one
 * at a time: they measure time and share two cores.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "mutation",
          include: ["test/mutation/**/*.test.ts"],
          maxConcurrency: 2,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "kernel",
          include: ["test/kernel/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "kubernetes",
          include: ["test/kubernetes/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 300_000,
          // The first run on a machine builds Kubernetes.
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});

/** The routing daemons that Romana knows how to run. */
export type RoutingDaemonKind = "bird" | "frr";

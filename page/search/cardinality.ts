/** An instrument with more series than this earns a warning: storage and dashboards feel it. */
export const MANY_SERIES = 300;

/** Of the processes that share pipelines; none of them is made where one process owns the journal. */
export const CLUSTER_INSTRUMENTS = {
  clusterPipelinesOwned: {
    group: 'cluster',
    name: 'dataflow.cluster.pipelines.owned',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'dataflow_cluster_pipelines_owned',
    description: 'Pipelines whose lease this process holds.',
  },
  clusterNodes: {
    group: 'cluster',
    name: 'dataflow.cluster.nodes',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'dataflow_cluster_nodes',
    description: 'Live processes that share the pipelines, as this one sees them.',
  },
  clusterTakeovers: {
    group: 'cluster',
    name: 'dataflow.cluster.takeovers',
    kind: 'counter',
    unit: '',
    attributes: [],
    series: 'dataflow_cluster_takeovers_total',
    description: 'Pipelines that this process took over from one that had crashed, frozen or lost its connection.',
  },
  clusterAppendsFenced: {
    group: 'cluster',
    name: 'dataflow.cluster.appends.fenced',
    kind: 'counter',
    unit: '',
    attributes: [],
    series: 'dataflow_cluster_appends_fenced_total',
    description: 'Appends of this process that were refused because another one owns the pipeline.',
  },
} as const;

/**
 * What `kubectl explain` says of the built-in kinds: their definitions come without descriptions, and
 * these are our own words for what a user of this platform meets. Under a definition's name the key ''
 * is the definition itself, all others are its fields.
 */
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const core = 'io.k8s.api.core.v1';
const apps = 'io.k8s.api.apps.v1';
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

type Descriptions = Readonly<Record<string, string>>;

/** The members that all kinds have. */
export const objectDescriptions: Descriptions = {
  apiVersion: 'Group and version of the schema that this object is written in, such as apps/v1.',
  kind: 'Kind of this object.',
  metadata: 'Name, labels and all else that every object has.',
  spec: 'What is wanted.',
  status: 'What is; written by the platform.',
};

const probe: Descriptions = {
  '': 'A question that is put to a container again and again, to know how it is.',
  exec: 'Runs a command in the container; exit code 0 is a yes.',
  httpGet: 'Sends an HTTP GET; a status from 200 to 399 is a yes.',
  tcpSocket: 'Connects to a port; a connection is a yes.',
  grpc: "Asks the container's gRPC health service.",
  initialDelaySeconds: 'Seconds from the start of the container to the first question.',
  periodSeconds: 'Seconds between two questions; 10 by default.',
  timeoutSeconds: 'Seconds after which no answer is a no; 1 by default.',
  successThreshold: 'How many yes in a row make it a success; 1 by default.',
  failureThreshold: 'How many no in a row make it a failure; 3 by default.',
  terminationGracePeriodSeconds: 'Seconds that the container has to stop after this probe failed.',
};

const container: Descriptions = {
  '': 'One program of a pod.',
  name: 'Name of the container, a DNS label that is unique in the pod.',
  image: 'The image that it runs.',
  imagePullPolicy: 'When the image is pulled: Always, IfNotPresent or Never.',
  command: "What is run instead of the image's entry point.",
  args: "Arguments of the command, instead of the image's.",
  workingDir: 'Folder that the command is run in.',
  ports: 'Ports that it listens on; they tell, they do not restrict.',
  env: 'Environment variables.',
  envFrom: 'ConfigMaps and Secrets whose keys all become environment variables.',
  resources: 'What it may use at most and is promised.',
  volumeMounts: "Where the pod's volumes are in its file system.",
  livenessProbe: 'When it fails, the container is started again.',
  readinessProbe: 'While it fails, no requests are routed to the pod.',
  startupProbe: 'Until it succeeds, the other probes wait.',
  lifecycle: 'What is done after its start and before its stop.',
  securityContext: 'Privileges of its processes.',
  stdin: 'Whether it has a standard input.',
  tty: 'Whether its standard input is a terminal.',
  terminationMessagePath: 'File whose text becomes the message of its end; /dev/termination-log.',
  terminationMessagePolicy: 'Whether the end of its log serves when that file is empty.',
};

const podSpec: Descriptions = {
  '': 'What a pod is to be.',
  containers: 'Programs that run side by side; at least one.',
  initContainers: 'Programs that run one after the other before the containers are started.',
  volumes: 'Folders that containers can mount.',
  restartPolicy: 'Which ended containers are started again: Always, OnFailure or Never.',
  terminationGracePeriodSeconds: 'Seconds from SIGTERM to SIGKILL; 30 by default.',
  activeDeadlineSeconds: 'Seconds after which the pod is ended as failed.',
  nodeName: 'The node that runs it; set by the scheduler.',
  nodeSelector: 'Labels that its node must have.',
  serviceAccountName: 'The ServiceAccount that it runs as.',
  automountServiceAccountToken: 'Whether it is given a token of its ServiceAccount.',
  hostname: 'Name of the host as its containers see it.',
  imagePullSecrets: 'Secrets with the credentials of image registries.',
  securityContext: 'Privileges of all of its processes.',
  tolerations: 'Taints of nodes that do not keep it away.',
  enableServiceLinks: 'Whether Services are told in environment variables.',
};

const objectMeta: Descriptions = {
  '': 'What every object has.',
  name: 'Name, unique among the objects of the kind in the namespace.',
  generateName: 'Beginning of a name that the server completes.',
  namespace: 'The namespace that it is in.',
  labels: 'Short facts that selectors choose by.',
  annotations: 'Facts for tools and people; nothing selects by them.',
  uid: 'Identity of this very object, also against a later one of the same name.',
  resourceVersion: 'Version of this state of the object, to notice changes by others.',
  generation: 'Counts the changes of what is wanted.',
  creationTimestamp: 'When it was created.',
  deletionTimestamp: 'When it was, or will be, deleted.',
  deletionGracePeriodSeconds: 'Seconds that it has to end.',
  ownerReferences: 'Objects that it belongs to; it is deleted when all of them are gone.',
  finalizers: 'Those who must act before the object is gone.',
  managedFields: 'Who manages which fields.',
};

const descriptions: Readonly<Record<string, Descriptions>> = {
  [`${meta}.ObjectMeta`]: objectMeta,
  [`${meta}.LabelSelector`]: {
    '': 'Chooses objects by their labels; all conditions must hold.',
    matchLabels: 'Labels that an object must have.',
    matchExpressions: 'Conditions on labels: In, NotIn, Exists, DoesNotExist.',
  },
  [`${core}.Namespace`]: {
    '': 'A space of names, to keep things apart that do not belong together.',
  },
  [`${core}.Pod`]: { '': 'Programs that run together on one node, with one address.' },
  [`${core}.PodSpec`]: podSpec,
  [`${core}.PodTemplateSpec`]: { '': 'The pods that are made.', spec: 'What such a pod is to be.' },
  [`${core}.PodStatus`]: {
    '': 'How a pod is.',
    phase: 'Pending, Running, Succeeded, Failed or Unknown.',
    conditions: 'What can be said of it; Ready says whether it takes requests.',
    containerStatuses: 'How each of its containers is.',
    podIP: 'Its address.',
    hostIP: 'The address of its node.',
    startTime: 'When its node took it up.',
    reason: 'Why it is so, in one word.',
    message: 'Why it is so.',
    qosClass: 'Guaranteed, Burstable or BestEffort, by its requests and limits.',
  },
  [`${core}.Container`]: container,
  [`${core}.Probe`]: probe,
  [`${core}.ResourceRequirements`]: {
    '': 'What a container may use and is promised.',
    limits: 'The most that it may use, such as cpu: 500m and memory: 256Mi.',
    requests: 'What it is promised; its limits unless set.',
  },
  [`${core}.ConfigMap`]: {
    '': 'Texts and files that pods use.',
    data: 'Texts by their keys.',
    binaryData: 'Bytes, in base64, by their keys.',
    immutable: 'Whether the data can never be changed.',
  },
  [`${core}.Secret`]: {
    '': 'Values that not everyone may see.',
    data: 'Bytes, in base64, by their keys.',
    stringData: 'Texts that are added to data when it is written; never read back.',
    type: 'What the data is; Opaque unless said otherwise.',
    immutable: 'Whether the data can never be changed.',
  },
  [`${core}.Event`]: {
    '': 'Something that happened to an object.',
    involvedObject: 'What it happened to.',
    reason: 'What happened, in one word.',
    message: 'What happened.',
    type: 'Normal or Warning.',
    count: 'How often it happened.',
    firstTimestamp: 'When it happened first.',
    lastTimestamp: 'When it happened last.',
    source: 'Who says so.',
  },
  [`${core}.Node`]: { '': 'A machine that runs pods.' },
  [`${core}.ServiceAccount`]: { '': 'Who a pod is, towards the API.' },
  [`${apps}.ReplicaSet`]: { '': 'Keeps a number of equal pods running.' },
  [`${apps}.ReplicaSetSpec`]: {
    '': 'Which pods, and how many.',
    replicas: 'How many pods there are to be; 1 by default.',
    selector: "Which pods are its own; the template's labels must match.",
    template: 'What new pods are made of.',
    minReadySeconds: 'Seconds that a pod must be ready for to count as available.',
  },
  'io.k8s.api.coordination.v1.Lease': { '': 'Says who holds something, and until when.' },
  [`${extensions}.CustomResourceDefinition`]: { '': 'Adds a kind of objects to the API.' },
};

/** What is known of a definition; empty for most. */
export function descriptionsOf(definition: string): Descriptions {
  return descriptions[definition] ?? {};
}

// Asks with dcmjs-dimse: node dcmjs_ask.js PORT CALLED find|get|move STUDY [DESTINATION]
// Prints JSON: the last status, how many matches or stores came, and what they were.
const { Client, requests, responses, constants, log } = require('dcmjs-dimse');

log.setLevel('silent');

const [port, called, what, study, destination] = process.argv.slice(2);
const { CFindRequest, CGetRequest, CMoveRequest } = requests;
const request = {
  find: () => CFindRequest.createStudyFindRequest({ StudyInstanceUID: study, PatientName: '' }),
  get: () => CGetRequest.createStudyGetRequest(study),
  move: () => CMoveRequest.createStudyMoveRequest(destination, study),
}[what]();
const found = { status: null, pending: 0, came: [] };
const client = new Client();
request.on('response', (response) => {
  const status = response.getStatus();
  if (status === constants.Status.Pending) {
    found.pending += 1;
    const match = response.hasDataset() ? response.getDataset().getElement('StudyInstanceUID') : null;
    if (match) found.came.push(match);
  } else {
    found.status = status;
  }
});
client.on('cStoreRequest', (store, callback) => {
  found.came.push(store.getDataset().getElement('SOPInstanceUID'));
  const response = responses.CStoreResponse.fromRequest(store);
  response.setStatus(constants.Status.Success);
  callback(response);
});
client.on('closed', () => {
  console.log(JSON.stringify(found));
  process.exit(0);
});
client.on('networkError', (error) => {
  console.log(JSON.stringify({ error: error.message }));
  process.exit(1);
});
client.addRequest(request);
client.send('127.0.0.1', Number(port), 'WS', called);

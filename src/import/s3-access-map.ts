/** The map for alarms of an S3 honey bucket: columns of CloudTrail's data events, some written as Python writes a dict. */
export const S3_ACCESS_MAP = `{
  "format": "s3-access",
  "members": {
    "id": {"from": "Event ID"},
    "time": {"from": "Event DateTime"},
    "action": {"from": "Event Name", "prefix": "s3."},
    "kind": {"text": "data"},
    "operation": [
      {"from": "Event Name", "match": "^(Get|Head|List)", "values": {"Get": "read", "Head": "read", "List": "read"}},
      {"from": "Event Name", "match": "^(Put|Delete)", "values": {"Put": "create", "Delete": "delete"}},
      {"text": "other"}
    ],
    "outcome": {"text": "unknown"},
    "actor.type": [{"from": "User ID", "match": "'type': '([^']+)'"}, {"text": "unknown"}],
    "actor.id": [
      {"from": "User ID", "match": "'principalId': '([^']+)'"},
      {"from": "User ID", "match": "'accountId': '([^']+)'"},
      {"text": "unknown"}
    ],
    "targets.type": {"text": "bucket"},
    "targets.id": {"from": "Request Parameters", "match": "'bucketName': '([^']+)'"},
    "source.ip": {"from": "Source IP"},
    "source.user_agent": {"from": "Request User Agent"},
    "service.name": {"text": "s3.amazonaws.com"},
    "trace.request_id": {"from": "Request ID"}
  }
}
`;

// An event of each kind, as it comes by EventBridge; the Rules view tries rules on them.

export const EXAMPLES = {
  errors: {
    "detail-type": "Application Error",
    detail: {
      service: "checkout", severity: "critical", message: "Payment 4711 failed: timeout", environment: "production",
      stack_trace: "File \"pay.py\", line 7, in pay\nTimeoutError", url: "https://logs.example.com/1",
    },
  },
  alarms: {
    source: "aws.cloudwatch",
    "detail-type": "CloudWatch Alarm State Change",
    resources: ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:checkout-5xx"],
    detail: {
      alarmName: "checkout-5xx",
      state: { value: "ALARM", reason: "Threshold crossed: 99.5 was above 50", timestamp: "2026-01-10T10:00:00.000+0000" },
      configuration: { description: "Too many 5xx" },
    },
  },
  deployments: {
    "detail-type": "Deployment",
    detail: {
      deployment_id: "1", application: "checkout", environment: "production", version: "2.4.0", status: "started",
      deployed_by: "Ada", changelog: "Pay faster", url: "https://ci.example.com/1",
    },
  },
  meetings: {
    "detail-type": "Meeting Processed",
    detail: {
      meeting_id: "weekly", title: "Weekly", url: "https://meet.example.com/1",
      action_items: [{
        summary: "Renew the certificate", details: "It ends in May.", priority: "high", requires_incident: true,
        assignee: "Beth Anglin",
      }],
    },
  },
};

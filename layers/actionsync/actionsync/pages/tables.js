// Written by `make openapi`: local/page_tables.py.

export const SEVERITIES = ["critical", "high", "medium", "low", "info"];
export const LEVELS = [["1", "high"], ["2", "medium"], ["3", "low"]];
export const RISKS = [["1", "very high"], ["2", "high"], ["3", "moderate"], ["4", "low"]];
export const CHANGE_TYPES = ["normal", "standard", "emergency"];
export const GITHUB_EVENTS = ["workflow_run", "check_run", "deployment", "deployment_status", "release", "issues", "dependabot_alert", "code_scanning_alert", "secret_scanning_alert"];
export const EVENT_TEXTS = ["account", "assignee", "changelog", "commit", "count", "details", "environment", "labels", "link", "message", "occurred_at", "owner", "previous", "region", "service", "severity", "source", "status", "title", "version"];
export const KINDS = ["incident", "change", "action_item", "api", "settings", "servicenow"];
export const OUTCOMES = ["done", "failed", "unknown", "started"];

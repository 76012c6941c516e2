"""Every metric by name, with its help text. The page of the documentation is made from this."""

from typing import Final

METRICS: Final = {
    # What this process did.
    "limner_task_changes_total": "Tasks that took this status, by a commit of this process",
    "limner_credits_consumed_total": "Credits that the tasks executed here consumed",
    "limner_queue_wait_seconds": "Time in the queue of the tasks executed here",
    "limner_model_wait_seconds": "The same by model, with few buckets",
    "limner_task_duration_seconds": "Time from claim to end of the tasks executed here",
    "limner_tasks_running_here": "Tasks that this process executes now",
    "limner_attempts_total": "Attempts at vendors by outcome: `picture`, or the kind of the failure",
    "limner_vendor_latency_seconds": "Time from an attempt's intent to the vendor's last answer",
    "limner_spend_usd_total": "What attempts cost, in US dollars, as far as the vendor or the route says",
    "limner_webhooks_sent_total": "Tries to send a webhook message: `delivered`, `refused`, `unanswered`",
    "limner_event_loop_lag_seconds": "How late the event loop wakes a sleeper, measured twice a second",
    "limner_database_unit_seconds": "Time of units of work, their wait for a thread included, by kind",
    "limner_database_units_active": "Units of work that run or wait now",
    "limner_database_connections": "Connections of the pool: as many units of work can run at once",
    "limner_database_statements_total": "SQL statements sent to the database",
    # Over the whole database: every process says the same.
    "limner_queue_depth": "Queued tasks by model, counted up to 100,000 in all",
    "limner_queue_oldest_seconds": "How long the oldest queued task of the model has waited",
    "limner_tasks_running": "Tasks under a lease, over all workers",
    "limner_workers_busy": "Workers that hold a lease",
    "limner_leases_expired": "Running tasks whose lease has run out and that no worker has taken over",
    "limner_route_open": "1 while the route may be used, else 0",
    "limner_routes": "Routes that are `open`, `paused` by the vendor, `broken` after failures, `rested` by an operator",
    "limner_route_drifts": "Routes whose prices or answers had changed at the last check of their provider",
    "limner_provider_well": "1 when the provider's last free check succeeded, else 0",
    "limner_credits_available": "Credits that accounts can spend",
    "limner_credits_held": "Credits held for unfinished tasks",
    "limner_stored_bytes": "Bytes of pictures in the store, counted once a minute or more rarely",
    "limner_stored_files": "Files in the store",
    "limner_webhook_deliveries_waiting": "Webhook messages that wait, counted up to 100,000",
    "limner_webhook_lanes_waiting": "Webhook lanes with messages that wait",
    "limner_webhook_lanes_open": "Webhook lanes with waiting messages whose circuit breaker is open",
    "limner_database_up": "1 when the figures over the whole database could be read, else 0",
}

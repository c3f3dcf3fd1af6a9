"""Web logs to Elasticsearch, every minute: at most 5 batches of 500 records, offsets committed after the bulk request."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

NOTHING_TO_DO = 3

with DAG(
    dag_id="web_logs_to_elasticsearch",
    schedule="* * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # Two runs at once would only share the partitions, but one is enough.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
):
    BashOperator(
        task_id="index",
        cwd="/opt/web-logs",
        bash_command="sluice standalone worker.properties elasticsearch-sink.properties --once --max-batches 5",
        # The task is shown as skipped, not as failed, when there was nothing to read.
        skip_on_exit_code=NOTHING_TO_DO,
        execution_timeout=timedelta(minutes=5),
    )

"""The DAG in place of one whose file cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.dags.wishes import Wishes

TAG = "azml-broken"


class AzmlBrokenFileOperator(BaseOperator):
    """Fails with what is wrong with an AML file.

    Args:
        problems: The fields of each :class:`~airflow_provider_azml.exceptions.Problem`.

    Raises:
        SpecError: Always.
    """

    ui_color = "#fbe8e8"

    def __init__(self, *, problems: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problems = problems

    def execute(self, context: Context) -> None:  # noqa: ARG002 (Airflow gives it)
        """Fail."""
        raise SpecError([Problem(**problem) for problem in self.problems])


def broken_dag(dag_id: str, error: SpecError, wishes: Wishes) -> DAG:
    """A DAG that says what is wrong, and fails with that when somebody runs it.

    Args:
        dag_id: The id that the DAG of the file would have.
        error: What is wrong.
        wishes: What else was wanted; only ``default_args`` are heeded.
    """
    listed = "\n".join(f"- `{problem}`" for problem in error.problems)
    doc_md = f"**This DAG cannot be made of its file.**\n\n{listed}\n\nIt comes back as it was once that is put right."
    dag = DAG(
        dag_id,
        schedule=None,
        catchup=False,
        tags=[TAG],
        doc_md=doc_md,
        description="The file cannot be used; the documentation of this DAG says why.",
        default_args=dict(wishes.dag_kwargs.get("default_args") or {}),
    )
    dag.fileloc = str(wishes.fileloc)
    with dag:
        AzmlBrokenFileOperator(task_id=TAG, problems=[vars(problem) for problem in error.problems], retries=0)
    return dag

import pickle

from langevin_sgd.integrators.divergence import Diverged


def test_the_message_names_model_step_and_limit():
    text = str(Diverged(120, 3.9, momentum=0.9, model="network", detail="the loss is not finite"))
    assert text == (
        "network diverged at step 120: the loss is not finite; learning rate x largest Hessian eigenvalue is 3.9, "
        "and stability needs less than 2 (1 + momentum) = 3.8"
    )


def test_below_the_limit_the_message_says_so():
    assert str(Diverged(3, 1.0)).endswith("is 1, below the stability limit 2 (1 + momentum) = 2 of a quadratic")


def test_unknown_curvature_is_not_mentioned():
    assert str(Diverged(7)) == "diverged at step 7"


def test_it_survives_a_trip_to_another_process():
    sent = Diverged(5, 2.5, momentum=0.5, model="ou", detail="x")
    received = pickle.loads(pickle.dumps(sent))
    assert (received.step, received.eta_lambda_max, received.momentum, received.model) == (5, 2.5, 0.5, "ou")
    assert str(received) == str(sent)
